/** Bits of userAccountControl (MS-ADTS section 2.2.16) and of msDS-User-Account-Control-Computed (3.1.1.4.5.17). */
const BITS = {
  disabled: 0x0000_0002,
  /** In the computed attribute alone: userAccountControl has had no part in it since Windows 2000. */
  lockedOut: 0x0000_0010,
  passwordNotRequired: 0x0000_0020,
  normalAccount: 0x0000_0200,
  interdomainTrust: 0x0000_0800,
  workstationTrust: 0x0000_1000,
  serverTrust: 0x0000_2000,
  passwordNeverExpires: 0x0001_0000,
  smartcardRequired: 0x0004_0000,
  /** In the computed attribute alone. */
  passwordExpired: 0x0080_0000,
} as const;

type AccountControlFlag = keyof typeof BITS;

const FLAGS = Object.keys(BITS) as readonly AccountControlFlag[];
/** A 32-bit number, which LDAP writes with a sign. */
const INTEGER = /^-?\d{1,10}$/;

/** The flags that are set; undefined when the text is no 32-bit number. */
export function parseAccountControl(text: string): ReadonlySet<AccountControlFlag> | undefined {
  if (!INTEGER.test(text)) return undefined;
  const bits = Number(text);
  if (bits < -(2 ** 31) || bits >= 2 ** 32) return undefined;
  return new Set(FLAGS.filter((flag) => (bits & BITS[flag]) !== 0));
}
