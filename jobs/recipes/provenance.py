"""What a picture says of where it comes from: XMP with IPTC's Digital Source Type.

That is how picture agencies, search engines and the tools of the field tell what a machine made.
Source: IPTC Photo Metadata Standard 2023.2, and http://cv.iptc.org/newscodes/digitalsourcetype/.
"""

from __future__ import annotations

from xml.sax.saxutils import quoteattr

from jobs.request.model_card import Kind

VOCABULARY = "http://cv.iptc.org/newscodes/digitalsourcetype/"

FROM_WORDS = "trainedAlgorithmicMedia"
FROM_A_PICTURE = "compositeWithTrainedAlgorithmicMedia"
"""What a model made by itself, and what it made of a picture that somebody gave it."""

PNG_KEYWORD = "XML:com.adobe.xmp"
"""Keyword of the iTXt chunk in which a PNG has its XMP (XMP specification, part 3, 1.1.5)."""

PACKET = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
   xmlns:xmp="http://ns.adobe.com/xap/1.0/"
   xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
   xmp:CreatorTool={tool}
   Iptc4xmpExt:DigitalSourceType={source}/>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="r"?>"""


def xmp(kind: Kind, version: str) -> str:
    """The XMP packet of a picture that this version of Darkroom made by a job of this kind."""
    source = FROM_WORDS if kind == "text-to-image" else FROM_A_PICTURE
    return PACKET.format(
        tool=quoteattr(f"Darkroom {version}"), source=quoteattr(VOCABULARY + source)
    )
