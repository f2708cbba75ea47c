import { readFile } from "node:fs/promises";
import type { DirectoryConfig } from "../config/agent-config.ts";
import { compileMapping } from "../core/compiled-mapping.ts";
import { AgentError } from "../core/error.ts";
import { createLdapDirectory } from "../directory/ldap-directory.ts";
import type { LdapTlsOptions } from "../directory/options.ts";
import type { Log } from "../ports.ts";
import type { ServedDirectory } from "../provider/served-directory.ts";

/**
 * The configured directories. Nothing is connected yet.
 * @throws AgentError `mapping.invalid`
 */
export function serveDirectories(
  directories: readonly DirectoryConfig[],
  { log }: { readonly log: Log },
): readonly ServedDirectory[] {
  return directories.map((config) => {
    const { scope, mapping, urls, domain, site, bind, tls, delta, ...connection } = config;
    const { startTls, allowPlaintext } = tls;
    const directoryLog = log.child({ directory: config.name });
    const directory = createLdapDirectory(
      {
        ...connection,
        delta: delta === "auto" ? undefined : delta,
        ...(urls === undefined ? {} : { urls }),
        ...(domain === undefined ? {} : { discovery: { domain, site } }),
        bind:
          bind.mechanism === "external"
            ? { mechanism: "EXTERNAL" }
            : { dn: bind.dn, password: () => bind.password.read() },
        startTls,
        allowPlaintext,
        tls: () => readTls(tls),
      },
      { log: directoryLog },
    );
    return { directory, scope, mappings: compileMapping(mapping) };
  });
}

/** Read at each connect: new certificates and keys need no restart. */
async function readTls({
  ca,
  servername,
  certificate,
  key,
}: DirectoryConfig["tls"]): Promise<LdapTlsOptions> {
  return {
    ...(ca === undefined ? {} : { ca: await readPem(ca) }),
    ...(servername === undefined ? {} : { servername }),
    ...(certificate === undefined ? {} : { cert: await readPem(certificate) }),
    ...(key === undefined ? {} : { key: await key.read() }),
  };
}

async function readPem(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    const reason = cause instanceof Error && "code" in cause ? cause.code : "unreadable";
    throw new AgentError("config.invalid", `${path} cannot be read (${reason})`, { cause });
  }
}
