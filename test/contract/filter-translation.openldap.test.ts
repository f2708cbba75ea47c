import { companyToLdif } from "../../agent/sim/company/ldif.ts";
import { awkwardEntries } from "../support/awkward-people.ts";
import { describeFilterTranslation } from "../support/filter-translation.ts";
import { startOpenLdap } from "../support/openldap.ts";

describeFilterTranslation("OpenLDAP", {
  start: () => startOpenLdap({ ldif: companyToLdif(awkwardEntries()) }),
  hasTables: true,
});
