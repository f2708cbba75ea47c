import type { AccessRule } from "./access-rule.ts";
import type { SaslMechanism } from "./rhea-types.ts";
import { equalSecrets } from "./sas.ts";

/** Whoever connects, connects; what it may do is said by the tokens it puts to `$cbs`. */
function anonymous(): SaslMechanism {
  return {
    outcome: undefined,
    username: undefined,
    start(): void {
      this.outcome = true;
    },
  };
}

/** RFC 4616: authorisation identity, user and password, separated by NUL. */
function plain(rules: readonly AccessRule[], granted: (rule: AccessRule) => void): SaslMechanism {
  return {
    outcome: undefined,
    username: undefined,
    start(response): void {
      const [, user = "", password = ""] = (response?.toString("utf8") ?? "").split("\0");
      const rule = rules.find(
        ({ name, keys }) =>
          name === user &&
          [keys.primary, keys.secondary].some((key) => equalSecrets(password, key)),
      );
      this.outcome = rule !== undefined;
      this.username = user;
      if (rule !== undefined) granted(rule);
    },
  };
}

/**
 * The mechanisms of the service. `MSSBCBS` is what the .NET and Java clients ask for; it behaves like ANONYMOUS.
 * @param granted is called when a peer has proved with PLAIN that it has a key of this policy
 */
export function saslMechanisms(
  rules: readonly AccessRule[],
  granted: (rule: AccessRule) => void,
): Record<string, () => SaslMechanism> {
  return {
    MSSBCBS: anonymous,
    PLAIN: () => plain(rules, granted),
    ANONYMOUS: anonymous,
  };
}
