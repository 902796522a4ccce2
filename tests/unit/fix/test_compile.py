from pathlib import Path

from tools.compile_fix import Compiler

SOURCE = """
<fix type='FIX' major='4' minor='2'>
 <header><field name='BeginString' required='Y'/></header>
 <messages>
  <message name='Order' msgtype='D' msgcat='app'>
   <field name='Id' required='Y'/><component name='Where' required='Y'/>
  </message>
  <message name='Beat' msgtype='0' msgcat='admin'/>
 </messages>
 <trailer><field name='CheckSum' required='Y'/></trailer>
 <components><component name='Where'>
  <group name='NoLegs' required='N'><field name='Leg' required='Y'/></group>
 </component></components>
 <fields>
  <field number='11' name='Id' type='STRING'/>
  <field number='8' name='BeginString' type='STRING'/>
  <field number='10' name='CheckSum' type='CHAR'/>
  <field number='5' name='NoLegs' type='NUMINGROUP'/>
  <field number='6' name='Leg' type='STRING'>
   <value enum='A' description='ALPHA'/><value enum='any code' description='OTHER'/>
  </field>
 </fields>
</fix>
"""


def test_a_dictionary_becomes_lines(tmp_path: Path) -> None:
    """Names become tags, flags and groups become signs, and a value in words stands for any."""
    source = tmp_path / "FIX42.xml"
    source.write_text(SOURCE)
    assert list(Compiler(source).lines())[2:] == [
        "[fields]",
        "5 NoLegs NUMINGROUP",
        "6 Leg STRING A=ALPHA *=OTHER",
        "8 BeginString STRING",
        "10 CheckSum CHAR",
        "11 Id STRING",
        "[components]",
        "Where 5{ 6! }",
        "[header]",
        "8!",
        "[trailer]",
        "10!",
        "[messages]",
        "D app Order 11! Where!",
        "0 admin Beat",
    ]


def test_a_char_of_the_oldest_versions_is_text(tmp_path: Path) -> None:
    """Before 4.2 a value of type char could be longer than one."""
    source = tmp_path / "FIX40.xml"
    source.write_text(SOURCE)
    assert "10 CheckSum STRING" in Compiler(source).lines()
