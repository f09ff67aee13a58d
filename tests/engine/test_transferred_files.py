"""Files of a host without a shell."""

from deployer.engine.transferred_files import TransferredFiles
from deployer.model.operations import PutFile
from deployer.simulated import SimulatedEngine
from deployer.simulated.host import SimulatedFiles


class Raced(SimulatedFiles):
    """Somebody else is first to make each directory."""

    def make_directory(self, path: str, *, mode: int) -> None:
        super().make_directory(path, mode=mode)
        super().make_directory(path, mode=mode)


def test_files_of_one_new_folder_are_written_side_by_side() -> None:
    engine = SimulatedEngine()
    files = Raced(engine.reading, engine.writing)
    TransferredFiles(files).put(PutFile("/etc/shop/motd", "", 2, 0o644), [b"hi"])
    assert files.stat("/etc/shop/motd") is not None
