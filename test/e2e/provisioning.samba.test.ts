import type { Entry } from "ldapts";
import { companyToLdif } from "../../agent/sim/company/ldif.ts";
import { describeProvisioning } from "../support/provisioning-from-directory.ts";
import { startSamba } from "../support/samba.ts";
import { sambaCompany } from "../support/samba-company.ts";
import { SAMBA_BASE } from "../support/samba-domain.ts";

describeProvisioning("Samba AD", {
  people: 1_000,
  start: async (people) => {
    const samba = await startSamba({ ldif: [...companyToLdif(sambaCompany(people))].join("") });
    // An administrator is told of deletions.
    return { ...samba, bindDn: samba.adminDn, bindPassword: samba.adminPassword };
  },
  baseDn: SAMBA_BASE,
  directory: {
    kind: "activeDirectory",
    mapping: "active-directory",
    tls: { allowPlaintext: true },
  },
  idAttribute: "objectGUID",
  idOf: guidOf,
  personFilter: "(&(objectCategory=person)(objectClass=user)(!(isCriticalSystemObject=TRUE)))",
  groupFilter: "(&(objectClass=group)(!(isCriticalSystemObject=TRUE)))",
  nameAttribute: "userPrincipalName",
  hire: (n) => ({
    rdn: `cn=hired${n}`,
    attributes: {
      objectClass: ["user"],
      sn: ["Hired"],
      userPrincipalName: [`hired${n}@ad.example.test`],
      userAccountControl: ["544"],
    },
  }),
});

/** By itself, so that it owes nothing to the agent. */
function guidOf({ objectGUID }: Entry): string {
  if (!Buffer.isBuffer(objectGUID)) throw new Error("no objectGUID");
  const bytes = Buffer.from(objectGUID);
  bytes.subarray(0, 4).reverse();
  bytes.subarray(4, 6).reverse();
  bytes.subarray(6, 8).reverse();
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
