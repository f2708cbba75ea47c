import { companyToLdif } from "../../agent/sim/company/ldif.ts";
import { describeDelta } from "../support/delta-changes.ts";
import { driftingEntries } from "../support/drifting-directory.ts";
import { startOpenLdap } from "../support/openldap.ts";

describeDelta("OpenLDAP", {
  strategies: ["syncRepl", "accessLog", "entryCsn", "modifyTimestamp"],
  start: () => startOpenLdap({ ldif: companyToLdif(driftingEntries()) }),
});
