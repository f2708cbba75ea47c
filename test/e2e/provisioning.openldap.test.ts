import { createCompany } from "../../agent/sim/company/company.ts";
import { DEFAULT_BASE_DN } from "../../agent/sim/company/landmark.ts";
import { companyToLdif } from "../../agent/sim/company/ldif.ts";
import { startOpenLdap } from "../support/openldap.ts";
import { describeProvisioning } from "../support/provisioning-from-directory.ts";

describeProvisioning("OpenLDAP", {
  people: 10_000,
  start: (people) => startOpenLdap({ ldif: companyToLdif(createCompany({ people })) }),
  baseDn: DEFAULT_BASE_DN,
  directory: {},
  idAttribute: "entryUUID",
  idOf: ({ entryUUID }) => String(entryUUID),
  personFilter: "(objectClass=inetOrgPerson)",
  groupFilter: "(objectClass=groupOfNames)",
  nameAttribute: "uid",
  hire: (n) => ({
    rdn: `uid=hired${n}`,
    attributes: { objectClass: ["inetOrgPerson"], cn: ["Hired"], sn: ["Hired"] },
  }),
});
