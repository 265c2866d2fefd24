"""Says what a film is, in the film itself: a visible mark, plain metadata and a signed C2PA content credential.

Nothing here touches the network: no time stamp authority, no revocation lists, no remote manifests.
"""

from living_portraits.provenance.claim import FILM_ASSERTION, GENERATOR, NAME, VERSION, Claim, Ingredient, metadata
from living_portraits.provenance.library import TEST_CERTIFICATE
from living_portraits.provenance.reading import Report, verify
from living_portraits.provenance.signing import CARRIERS, SOURCE_TYPES, NoCredential, check_signer, sign
from living_portraits.provenance.visible_mark import mark

__all__ = [
    "CARRIERS",
    "FILM_ASSERTION",
    "GENERATOR",
    "NAME",
    "SOURCE_TYPES",
    "TEST_CERTIFICATE",
    "VERSION",
    "Claim",
    "Ingredient",
    "NoCredential",
    "Report",
    "check_signer",
    "mark",
    "metadata",
    "sign",
    "verify",
]
