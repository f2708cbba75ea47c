import { z } from "zod";
import { isLoopback, LDAP_URL_FORM, LDAP_URL_PATTERN, parseLdapUrl } from "./ldap-url.ts";
import {
  bool,
  choice,
  EVEN_WHEN_WRONG,
  expected,
  expectedKind,
  memberOf,
  path,
  refuseTwins,
  secret,
  section,
  text,
  textsIn,
} from "./option.ts";
import { SECRET_PATTERN, Secret, type SecretContext } from "./secret.ts";

const MAX_URLS = 16;
const DOMAIN_PATTERN =
  /^(?=.{1,253}$)[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62})(?:\.[A-Za-z0-9_-]{1,63})*$/;
const SITE_PATTERN = /^[A-Za-z0-9_-]{1,63}$/;

/** Which servers there are. */
export function serverShape() {
  return {
    urls: z
      .array(ldapUrl(), expected(`a list of 1 to ${MAX_URLS} of ${LDAP_URL_FORM}`))
      .min(1)
      .max(MAX_URLS)
      .superRefine(
        (input, issues) => refuseTwins(input, issues, { keyOf: (url) => url.toLowerCase() }),
        EVEN_WHEN_WRONG,
      )
      .optional()
      .describe(
        "Servers of the directory, tried in this order. They hold the same entries. What is read together is read from one of them. Exactly one of `urls` and `domain` is given.",
      ),
    domain: text({
      form: "the DNS name of a domain such as ad.example.com",
      pattern: DOMAIN_PATTERN,
      title: "domain name",
    })
      .optional()
      .describe(
        "Domain whose servers are found in DNS (SRV records), in place of `urls`. They are asked with ldaps on its standard port, or with `tls.startTls` on the port of the record. Their certificates must be for the hosts that the records name. Looked up again every 15 minutes and when none of the servers answers.",
      ),
    site: text({ form: "the name of a site", pattern: SITE_PATTERN, title: "site" })
      .optional()
      .describe(
        "Site of Active Directory whose servers come before all others. Only with `domain`.",
      ),
    globalCatalog: bool()
      .default(false)
      .describe(
        "Ask global catalogs of Active Directory: other records in DNS, and ports 3268 and 3269 where a URL names none. They hold the whole forest but only some attributes of each entry, and membership of universal groups only.",
      ),
  };
}

/** How the agent signs in. */
export function bindSection(context: SecretContext) {
  return z.discriminatedUnion(
    "mechanism",
    [
      section({
        mechanism: choice(["simple"])
          .optional()
          .describe(
            "`simple` (when not given) signs in with `dn` and `password`, `external` with the client certificate in `tls`, or over ldapi:// as the account that the agent runs under (SASL EXTERNAL).",
          ),
        dn: text({ form: "the DN of the agent's account", title: "DN" }).describe(
          "Account that the agent signs in with. Active Directory also takes `name@domain` and `DOMAIN\\name`.",
        ),
        password: secret(context).describe(
          "Password of the account. Read at each sign-in, so that a changed one needs no restart.",
        ),
      }),
      section({ mechanism: choice(["external"]) }),
    ],
    expectedKind("mechanism", ["simple", "external"]),
  );
}

/** Certificates of both sides, and TLS at all. */
export function directoryTlsSection(context: SecretContext) {
  return section({
    ca: path(context)
      .optional()
      .describe(
        "PEM file with the certificates of the authorities to trust, instead of those of the system.",
      ),
    servername: text({ form: "a host name", title: "host name" })
      .optional()
      .describe(
        "Name that the server's certificate must hold, when it is not the host of the URL.",
      ),
    certificate: path(context)
      .optional()
      .describe(
        "PEM file with the agent's certificate and its chain, for servers that ask for one. Read at each connect, like all files here.",
      ),
    key: keyReference(context)
      .optional()
      .describe("Key of `certificate`, without a passphrase: a PEM file or a secret reference."),
    startTls: bool()
      .default(false)
      .describe("Turn ldap:// connections into TLS before signing in."),
    allowPlaintext: bool()
      .default(false)
      .describe(
        "Sign in over ldap:// without TLS to another machine. The password and all data then cross the network in clear, for anyone on the way to read and to change.",
      ),
  });
}

/** A path is a reference too, to all of that file. */
function keyReference(context: SecretContext) {
  return text({ form: "a path, ${env:NAME} or ${file:/path}", title: "path or secret reference" })
    .transform((input, issues) => {
      const reference = input.startsWith("${") ? input : `\${file:${input}}`;
      if (SECRET_PATTERN.test(reference)) return new Secret(reference, context);
      issues.addIssue("is malformed, expected a path, ${env:NAME} or ${file:/path}");
      return z.NEVER;
    })
    .meta({ title: "path or secret reference" });
}

function ldapUrl() {
  return z
    .string(expected(LDAP_URL_FORM))
    .regex(LDAP_URL_PATTERN)
    .refine((input) => !LDAP_URL_PATTERN.test(input) || parseLdapUrl(input) !== undefined)
    .meta({ title: "URL" });
}

export type Refuse = (at: readonly (string | number)[], message: string) => void;

/** What the options of servers, sign-in and TLS say together. Reads unchecked values, since some of them may be wrong. */
export function checkServers(directory: unknown, refuse: Refuse): void {
  const has = (...names: string[]): boolean => memberOf(directory, ...names) !== undefined;
  const isActiveDirectory = memberOf(directory, "kind") === "activeDirectory";
  if (!has("urls") && !has("domain")) {
    refuse(["urls"], `is missing, expected a list of ${LDAP_URL_FORM}; or domain instead`);
  }
  if (has("urls") && has("domain")) {
    refuse(["domain"], "is given together with urls, expected one of both");
  }
  if (has("site") && !has("domain")) refuse(["site"], "is given without domain, expected both");
  if (has("site") && !isActiveDirectory) {
    refuse(["site"], "is of Active Directory, expected it with kind: activeDirectory");
  }
  if (memberOf(directory, "globalCatalog") === true && !isActiveDirectory) {
    refuse(["globalCatalog"], "is of Active Directory, expected it with kind: activeDirectory");
  }
  for (const [one, other] of [
    ["certificate", "key"],
    ["key", "certificate"],
  ] as const) {
    if (has("tls", one) && !has("tls", other)) {
      refuse(["tls", other], `is missing, expected it with tls.${one}`);
    }
  }
  checkUrls(directory, refuse);
}

function checkUrls(directory: unknown, refuse: Refuse): void {
  const startTls = memberOf(directory, "tls", "startTls") === true;
  const allowed = memberOf(directory, "tls", "allowPlaintext") === true;
  const external = memberOf(directory, "bind", "mechanism") === "external";
  const certified = memberOf(directory, "tls", "certificate") !== undefined;
  const needsCertificate = "is missing, expected it with bind.mechanism: external";
  if (external && !certified && memberOf(directory, "domain") !== undefined) {
    refuse(["tls", "certificate"], needsCertificate);
  }
  for (const { at, text: input } of textsIn(memberOf(directory, "urls"))) {
    const url = parseLdapUrl(input);
    if (url === undefined || url.isSocket) continue;
    if (url.secure && startTls) {
      refuse(
        ["urls", at],
        "is ldaps://, expected ldap:// with tls.startTls, or ldaps:// without it",
      );
    }
    if (external && !(certified && (url.secure || startTls))) {
      refuse(
        ["urls", at],
        "cannot be signed in to with bind.mechanism: external, expected ldapi://, or ldaps:// or tls.startTls together with tls.certificate",
      );
    }
    if (url.secure || startTls || allowed || isLoopback(url.host)) continue;
    refuse(
      ["urls", at],
      "would send the password and all data over the network in clear, expected ldaps://, or tls.startTls: true, or tls.allowPlaintext: true to do it nevertheless",
    );
  }
}
