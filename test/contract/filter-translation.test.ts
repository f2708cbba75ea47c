import { startDirectory } from "../../agent/sim/directory/server.ts";
import { awkwardEntries } from "../support/awkward-people.ts";
import { BASE } from "../support/fake-directory.ts";
import {
  describeFilterTranslation,
  type TranslationServer,
} from "../support/filter-translation.ts";

async function start(): Promise<TranslationServer> {
  const bind = { dn: `cn=sync,${BASE}`, password: "secret" };
  const server = await startDirectory({ baseDn: BASE, bind, entries: awkwardEntries() });
  const { url, baseDn } = server;
  const close = () => server.close();
  return { url, baseDn, bindDn: bind.dn, bindPassword: bind.password, close };
}

describeFilterTranslation("the embedded directory", { start, hasTables: false });
