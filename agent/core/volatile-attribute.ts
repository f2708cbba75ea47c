import { parseAttributeDescription } from "./directory-value/attribute-description.ts";

const setOf = (...names: readonly string[]): ReadonlySet<string> =>
  new Set(names.join(" ").toLowerCase().split(" "));

/**
 * Attributes that change while the entry's own change mark (uSNChanged, entryCSN) stays: back links, what is worked out
 * from the place in the tree or from other entries (MS-ADTS section 3.1.1.4.5), and what each domain controller counts for
 * itself (MS-ADTS section 3.1.1.2.3, FLAG_ATTR_NOT_REPLICATED).
 */
const VOLATILE = setOf(
  "memberOf isMemberOf directReports managedObjects ownerBL secretaryOf serverReferenceBL",
  "msDS-MembersForAzRoleBL msDS-NonMembersBL nonSecurityMemberBL bridgeheadServerListBL",
  "publicDelegatesBL altRecipientBL authOrigBL unauthOrigBL dLMemSubmitPermsBL dLMemRejectPermsBL",
  "msExchDelegateListBL msExchBypassModerationBL msExchModeratedByBL",
  "distinguishedName canonicalName entryDN parentGUID msDS-parentdistname msDS-PrincipalName",
  "tokenGroups tokenGroupsGlobalAndUniversal tokenGroupsNoGCAcceptable",
  "msds-memberOfTransitive msds-memberTransitive msds-tokenGroupNames",
  "msds-tokenGroupNamesGlobalAndUniversal msds-tokenGroupNamesNoGCAcceptable",
  "msDS-User-Account-Control-Computed msDS-UserPasswordExpiryTimeComputed msDS-ResultantPSO",
  "msDS-isGC msDS-isRODC msDS-SiteName allowedAttributes allowedAttributesEffective",
  "allowedChildClasses allowedChildClassesEffective sDRightsEffective",
  "hasSubordinates numSubordinates subordinateCount msDS-Approx-Immed-Subordinates",
  "lastLogon lastLogoff logonCount badPwdCount badPasswordTime",
  "pwdGraceUseTime pwdFailureTime authTimestamp",
);

/** DNs of other entries as text: a server rewrites them silently when those are renamed, and drops them when deleted. */
const LINKS = setOf(
  "member uniqueMember manager secretary assistant managedBy owner seeAlso roleOccupant",
  "msDS-PrimaryComputer altRecipient authOrig unauthOrig dLMemSubmitPerms dLMemRejectPerms",
  "publicDelegates homeMDB",
);

/** @param name an attribute, options and letter case aside */
export function isVolatile(
  name: string,
  { isReference }: { readonly isReference: boolean },
): boolean {
  const { type } = parseAttributeDescription(name);
  return VOLATILE.has(type) || (!isReference && LINKS.has(type));
}
