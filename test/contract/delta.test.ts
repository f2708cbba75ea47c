import { startDirectory } from "../../agent/sim/directory/server.ts";
import { describeDelta } from "../support/delta-changes.ts";
import { BASE, driftingEntries } from "../support/drifting-directory.ts";

describeDelta("the embedded directory", {
  strategies: ["entryCsn", "modifyTimestamp"],
  start: async () => {
    const bind = { dn: `cn=sync,${BASE}`, password: "secret" };
    const server = await startDirectory({ baseDn: BASE, bind, entries: driftingEntries() });
    const account = { bindDn: bind.dn, bindPassword: bind.password };
    const { url } = server;
    const close = () => server.close();
    return { url, ...account, adminDn: bind.dn, adminPassword: bind.password, close };
  },
});
