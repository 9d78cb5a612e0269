import re, pytest
from advice import sequences
from advice.case import message_of, messages_while
import importlib
CASES=[]
for m in ("sequences","estimators","preprocessing","inspection","files"):
    try: CASES += importlib.import_module(f"advice.{m}").CASES
    except ModuleNotFoundError as e: pass
@pytest.mark.parametrize("case", CASES, ids=lambda c: re.sub(r"\W+"," ",c.says)[:50].strip())
def test_advice(case):
    said = message_of(case.wrong)
    found = re.search(case.says, said, re.DOTALL)
    assert found, said
    for right in case.right:
        assert not [w for w in messages_while(right, *found.groups()) if re.search(case.says, w)]
