import { readFile } from "node:fs/promises";
import type { DirectoryConfig } from "../config/agent-config.ts";
import { compileMapping } from "../core/compiled-mapping.ts";
import { createLdapDirectory } from "../directory/ldap-directory.ts";
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
    const { scope, mapping, bind, tls, delta, ...connection } = config;
    const { ca, servername, startTls, allowPlaintext } = tls;
    const directoryLog = log.child({ directory: config.name });
    const directory = createLdapDirectory(
      {
        ...connection,
        delta: delta === "auto" ? undefined : delta,
        bind: { dn: bind.dn, password: () => bind.password.read() },
        startTls,
        allowPlaintext,
        // Read at each connect: a new certificate of an authority needs no restart.
        tls: async () => ({
          ...(ca === undefined ? {} : { ca: await readFile(ca) }),
          ...(servername === undefined ? {} : { servername }),
        }),
      },
      { log: directoryLog },
    );
    return { directory, scope, mappings: compileMapping(mapping) };
  });
}
