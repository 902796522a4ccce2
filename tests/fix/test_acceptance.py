"""The acceptance program as it is started, and the runner of scripts against it."""

import asyncio
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bascule.fixwire.acceptance import read_config
from bascule.model.errors import ConfigError
from tests.fix.acceptance import run_script
from tests.ports import free_port
from tests.waiting import PATIENCE_S

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "fix-acceptance.toml"

SCRIPT = """# an order is echoed, its possible resend is not, other types are refused
iCONNECT
I8=FIX.4.4|35=A|34=1|49=TW44|52=<TIME>|56=ISLD|98=0|108=30|
E8=FIX.4.4|9=63|35=A|34=1|49=ISLD|52=00000000-00:00:00.000|56=TW44|98=0|108=30|10=0|
I8=FIX.4.4|35=D|34=2|49=TW44|52=<TIME>|56=ISLD|55=A|11=x|40=1|54=1|38=1|60=<TIME>|
E8=FIX.4.4|9=97|35=D|34=2|49=ISLD|52=0|56=TW44|11=x|38=1|40=1|54=1|55=A|60=0|10=0|
I8=FIX.4.4|35=D|34=3|49=TW44|52=<TIME>|56=ISLD|97=Y|55=A|11=x|40=1|54=1|38=1|60=<TIME>|
I8=FIX.4.4|35=H|34=4|49=TW44|52=<TIME>|56=ISLD|11=x|54=1|55=A|
E8=FIX.4.4|9=96|35=j|34=3|49=ISLD|52=0|56=TW44|45=4|58=Unsupported Message Type|372=H|380=3|10=0|
i2,CONNECT
I2,8=FIX.4.4|35=A|34=1|49=TW44|52=<TIME-121>|56=ISLD|98=0|108=30|
e2,DISCONNECT
I8=FIX.4.4|35=5|34=5|49=TW44|52=<TIME>|56=ISLD|
E8=FIX.4.4|9=51|35=5|34=4|49=ISLD|52=0|56=TW44|10=0|
eDISCONNECT
"""


@asynccontextmanager
async def running(folder):
    """Run the program as a user does, on a port of its own; give the port."""
    port = free_port()
    config = folder / "acceptance.toml"
    text = EXAMPLE.read_text(encoding="utf-8").replace("port = 15501", f"port = {port}")
    config.write_text(f'store = "{(folder / "store").as_posix()}"\n{text}', encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bascule.fix.acceptor", "--config", str(config)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=ROOT,
    )
    try:
        async with asyncio.timeout(PATIENCE_S):
            assert await process.stdout.readline() == b"ready %d\n" % port
        yield port
    finally:
        process.kill()
        await process.wait()


async def test_the_program_echoes(tmp_path):
    """The example's acceptor logs on, echoes, ignores a possible resend, and refuses the rest."""
    script = tmp_path / "echo.def"
    script.write_bytes(SCRIPT.replace("|", "\x01").encode())
    async with running(tmp_path) as port:
        assert await run_script(script, port) == ""
        assert await run_script(script, port) == ""


async def test_the_runner_sees_what_is_wrong(tmp_path):
    """A script that expects something else fails, and says where."""
    script = tmp_path / "wrong.def"
    wrong = SCRIPT.replace("54=1|55=A|60=0", "54=2|55=A|60=0")
    script.write_bytes(wrong.replace("|", "\x01").encode())
    async with running(tmp_path) as port:
        assert "line 6: Mismatch wanted b'54=2'" in await run_script(script, port)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("port = 'x'", "port"),
        ("port = 1\nsender = 'A'\nsession = []\nnosuch = 1", "nosuch"),
        ("port =", "acceptance.toml"),
    ],
)
def test_a_wrong_configuration_is_refused(tmp_path, text, said):
    """A configuration that is wrong is refused with the place that is wrong."""
    path = tmp_path / "acceptance.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=said):
        read_config(path)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_config(tmp_path / "missing.toml")
