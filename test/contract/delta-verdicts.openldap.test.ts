import { companyToLdif } from "../../agent/sim/company/ldif.ts";
import { describeVerdicts } from "../support/delta-verdicts.ts";
import { driftingEntries, OPEN_LDAP } from "../support/drifting-directory.ts";
import { startOpenLdap } from "../support/openldap.ts";

describeVerdicts("OpenLDAP", {
  kind: OPEN_LDAP,
  start: () => startOpenLdap({ ldif: companyToLdif(driftingEntries()) }),
  strategies: ["syncRepl", "accessLog", "entryCsn", "modifyTimestamp"],
  tellsDeletions: (strategy) => strategy === "syncRepl" || strategy === "accessLog",
});
