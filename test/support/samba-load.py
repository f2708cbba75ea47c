# Loads LDIF into a domain that does not run: samba-load.py <smb.conf> <ldif> <bind account>
import sys

from samba.auth import system_session
from samba.param import LoadParm
from samba.samdb import SamDB

parameters = LoadParm()
parameters.load(sys.argv[1])
# Without batch mode the indexes are written for each entry, which takes ten times as long.
options = ["batch_mode:1", "transaction_index_cache_size:200000"]
domain = SamDB(
    lp=parameters,
    session_info=system_session(),
    url=parameters.private_path("sam.ldb"),
    options=options,
)
domain.transaction_start()
try:
    with open(sys.argv[2], encoding="utf8") as ldif:
        for _, message in domain.parse_ldif(ldif.read()):
            domain.add(message)
    domain.transaction_commit()
except BaseException:
    domain.transaction_cancel()
    raise
