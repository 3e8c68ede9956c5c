import re
from collections import Counter
from msgspec import Struct
class Count(Struct):
    winner: object; majority: bool; unanimous: bool; table: list; agreement: float|None; makers: int; for_winner: int; counted: int; says: str
def count(answers, kind, q, strengths):
    c={}
    for a in answers:
        n=re.findall(r"\d+",a.text)
        if n: c.setdefault(n[-1],[]).append(a)
    if not c: return Count(None,False,False,[],None,0,0,0,"")
    tot=sum(map(len,c.values()))
    k=max(c,key=lambda k:len(c[k])); w=c[k]
    return Count(w[0],len(w)*2>tot,len(w)==tot,[{"says":k,"seats":[x.seat for x in v]} for k,v in c.items()],len(w)/tot,len({x.maker for x in w}),len(w),tot,k)
def beyond_reach(f,n): return f.winner is not None and f.makers>=2 and f.for_winner*2>n
def most_central(a): return a[0]
