import { companyToLdif } from "../../agent/sim/company/ldif.ts";
import { describeDelta } from "../support/delta-changes.ts";
import { type DriftKind, driftingEntries } from "../support/drifting-directory.ts";
import { startSamba } from "../support/samba.ts";
import { SAMBA_BASE, SAMBA_READER } from "../support/samba-domain.ts";

const KIND: DriftKind = { base: SAMBA_BASE, personRdn: "cn", isActiveDirectory: true };

async function start() {
  return startSamba({ ldif: [...companyToLdif(driftingEntries(KIND))].join("") });
}

describeDelta("Samba, as an administrator", {
  kind: { ...KIND, restores: true },
  strategies: ["dirSync", "usnChanged"],
  async start() {
    const samba = await start();
    return { ...samba, bindDn: samba.adminDn, bindPassword: samba.adminPassword };
  },
});

describeDelta("Samba, with the right to replicate", {
  kind: KIND,
  strategies: ["dirSync"],
  start,
});

describeDelta("Samba, with the rights that everybody has", {
  kind: KIND,
  strategies: ["dirSync", "usnChanged"],
  async start() {
    const samba = await start();
    return { ...samba, bindDn: SAMBA_READER.dn, bindPassword: SAMBA_READER.password };
  },
});
