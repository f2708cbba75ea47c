/**
 * The mail addresses of `proxyAddresses` (MS-ADA3 section 2.113): `SMTP:` in capitals marks the primary one, `smtp:` the others;
 * what has another prefix (`X400:`, `SIP:`, `EUM:`) is no mail address.
 */
export function mailAddresses(values: readonly string[]): {
  readonly primary: string | undefined;
  readonly others: readonly string[];
} {
  const of = (prefix: string) =>
    values.flatMap((value) => {
      const address = value.startsWith(prefix) ? value.slice(prefix.length).trim() : "";
      return address === "" ? [] : [address];
    });
  return { primary: of("SMTP:")[0], others: of("smtp:") };
}
