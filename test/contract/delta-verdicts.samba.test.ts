import { companyToLdif } from "../../agent/sim/company/ldif.ts";
import { describeVerdicts } from "../support/delta-verdicts.ts";
import { type DriftKind, driftingEntries } from "../support/drifting-directory.ts";
import { startSamba } from "../support/samba.ts";
import { SAMBA_BASE, SAMBA_READER } from "../support/samba-domain.ts";

const KIND: DriftKind = { base: SAMBA_BASE, personRdn: "cn", isActiveDirectory: true };

async function start() {
  return startSamba({ ldif: [...companyToLdif(driftingEntries(KIND))].join("") });
}

describeVerdicts("Samba, as an administrator", {
  kind: KIND,
  async start() {
    const samba = await start();
    return { ...samba, bindDn: samba.adminDn, bindPassword: samba.adminPassword };
  },
  strategies: ["dirSync", "usnChanged"],
  tellsDeletions: () => true,
});

describeVerdicts("Samba, with the rights that everybody has", {
  kind: KIND,
  async start() {
    const samba = await start();
    return { ...samba, bindDn: SAMBA_READER.dn, bindPassword: SAMBA_READER.password };
  },
  strategies: ["dirSync", "usnChanged"],
  tellsDeletions: () => false,
});
