from typing import Literal
AnswerKind = Literal["number","option","yes_no","date","short","json","code","open"]
def kind_of(q,s,r):
    return ("number","stub") if "number" in q else ("open","stub")
