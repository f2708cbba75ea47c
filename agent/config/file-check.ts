import { stat } from "node:fs/promises";
import type { AgentFile } from "./agent-schema.ts";
import type { Path, Problem } from "./problem.ts";
import type { Secret } from "./secret.ts";
import { systemCode } from "./text-file.ts";

/** Permission to read, for the group and for others (POSIX). */
const READABLE_BY_OTHERS = 0o044;

/** What the file system says about the files that a configuration names. */
export interface FileCheck {
  readonly problems: readonly Problem[];
  readonly warnings: readonly string[];
}

/** Whether files are there that the agent cannot start without, and whether files with secrets are kept from others. */
export async function checkFiles(config: AgentFile): Promise<FileCheck> {
  const named = await Promise.all(namedFiles(config).map(checkNamed));
  const secret = await Promise.all(secretFiles(config).map(checkSecret));
  return {
    problems: named.filter((problem) => problem !== undefined),
    warnings: secret.filter((warning) => warning !== undefined),
  };
}

interface NamedFile {
  readonly at: Path;
  readonly path: string;
  /** What it should be. */
  readonly form: string;
}

function namedFiles({ bus, directories, scim }: AgentFile): readonly NamedFile[] {
  const files: NamedFile[] = [];
  const certificate = certificatePath(bus);
  if (certificate !== undefined) {
    const at = ["bus", "credential", "certificatePath"];
    files.push({ at, path: certificate, form: "a PEM file" });
  }
  if (bus.ca !== undefined) files.push({ at: ["bus", "ca"], path: bus.ca, form: "a PEM file" });
  directories.forEach(({ tls, mapping }, index) => {
    const at = ["directories", index];
    if (tls.ca !== undefined) {
      files.push({ at: [...at, "tls", "ca"], path: tls.ca, form: "a PEM file" });
    }
    const { certificate: own, key } = tls;
    if (own !== undefined) {
      files.push({ at: [...at, "tls", "certificate"], path: own, form: "a PEM file" });
    }
    if (key?.path !== undefined) {
      files.push({ at: [...at, "tls", "key"], path: key.path, form: "a PEM file" });
    }
    if (mapping.kind === "file") {
      files.push({ at: [...at, "mapping"], path: mapping.path, form: "a mapping file" });
    }
  });
  for (const name of ["certificate", "key"] as const) {
    const path = scim.tls?.[name];
    if (path !== undefined) files.push({ at: ["scim", "tls", name], path, form: "a PEM file" });
  }
  return files;
}

async function checkNamed({ at, path, form }: NamedFile): Promise<Problem | undefined> {
  try {
    if ((await stat(path)).isFile()) return undefined;
    return { path: at, text: `${path} is not a file, expected ${form}` };
  } catch (error) {
    return { path: at, text: `${path} cannot be read (${systemCode(error)}), expected ${form}` };
  }
}

/** Files that hold a secret, by what the configuration calls them. */
function secretFiles({
  bus,
  directories,
  scim,
}: AgentFile): readonly { at: string; path: string }[] {
  const files = new Map<string, string>();
  const add = (at: string, secret: Secret) => {
    if (secret.path !== undefined) files.set(secret.path, at);
  };
  const { connection } = bus;
  if (connection.kind === "connectionString") {
    add("bus.connectionString", connection.connectionString);
    if (connection.second !== undefined) add("bus.secondConnectionString", connection.second);
  } else if (connection.credential.kind === "clientSecret") {
    add("bus.credential.clientSecret", connection.credential.clientSecret);
  }
  if (bus.proxyCredential !== undefined) add("bus.proxyCredential", bus.proxyCredential);
  const certificate = certificatePath(bus);
  if (certificate !== undefined) files.set(certificate, "bus.credential.certificatePath");
  directories.forEach(({ bind, tls }, index) => {
    if (bind.mechanism !== "external") {
      add(`directories[${index}].bind.password`, bind.password);
    }
    if (tls.key !== undefined) add(`directories[${index}].tls.key`, tls.key);
  });
  if (scim.token !== undefined) add("scim.token", scim.token);
  if (scim.tls !== undefined) files.set(scim.tls.key, "scim.tls.key");
  return Array.from(files, ([path, at]) => ({ at, path }));
}

async function checkSecret(file: { at: string; path: string }): Promise<string | undefined> {
  // Windows has access lists, which its mode bits say nothing of.
  if (process.platform === "win32") return undefined;
  const mode = await stat(file.path).then(
    (found) => found.mode,
    // Whatever keeps it from being read is said when it is read.
    () => 0,
  );
  if ((mode & READABLE_BY_OTHERS) === 0) return undefined;
  const bits = (mode & 0o777).toString(8).padStart(3, "0");
  return `${file.at}: ${file.path} can be read by other accounts of this machine (mode ${bits}), expected 600`;
}

function certificatePath({ connection }: AgentFile["bus"]): string | undefined {
  if (connection.kind !== "namespace") return undefined;
  const { credential } = connection;
  return credential.kind === "clientCertificate" ? credential.certificatePath : undefined;
}
