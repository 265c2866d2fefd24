"""What can go wrong in a way that the person at the keyboard can mend.

Every message is one sentence: what happened, where, and which choices remain.
"""


class LivingPortraitsError(Exception):
    """Base of every error whose message is meant for the user, who sees it without a traceback."""


class MediaError(LivingPortraitsError):
    """A picture, clip or sound cannot be read as what it claims to be."""


class FaceError(LivingPortraitsError):
    """No face, too many faces, or a face that is lost for too long."""


class BodyError(LivingPortraitsError):
    """No person, several people, or a body that is cut off, does not move, or is lost for too long."""


class OptionError(LivingPortraitsError):
    """An option that does not exist or a value outside its range; the message lists the choices."""


class OutputError(LivingPortraitsError):
    """The result cannot be written where it was asked for."""


class WeightsError(LivingPortraitsError):
    """A model file is missing, damaged or of another version."""


class SystemLibraryError(LivingPortraitsError):
    """The operating system lacks a library; the message names the packages to install."""
