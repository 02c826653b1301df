/** What the list of a user's rights says. */
import { deepEqual } from "node:assert/strict";
import { UserGrants } from "../../../src/engine/mysql/user_grants.ts";

/** Which of these databases a user may select from. */
function readable(lines: readonly string[], ...databases: string[]): string[] {
  const grants = UserGrants.of(lines);
  return databases.filter((name) => grants.has("SELECT", name));
}

Deno.test("rights are those for the server and for databases by patterns, not those for single tables", () => {
  const lines = [
    "GRANT `keepers` TO `a`@`%`",
    "GRANT USAGE ON *.* TO `a`@`%`",
    "GRANT INSERT, SELECT ON `sh\\_p`.* TO `keepers`",
    "GRANT SELECT ON `one``%`.* TO PUBLIC",
    "GRANT SELECT ON `shop`.`orders` TO `a`@`%`",
    "GRANT EXECUTE ON PROCEDURE `shop`.`p` TO `a`@`%`",
    "GRANT ALL PRIVILEGES ON `all`.* TO `a`@`%`",
  ];
  deepEqual(readable(lines, "sh_p", "shop", "shxp", "one`two", "one", "all"), ["sh_p", "one`two", "all"]);
  deepEqual(readable(["GRANT ALL PRIVILEGES ON *.* TO `root`@`localhost` WITH GRANT OPTION"], "x"), ["x"]);
  deepEqual(readable(["GRANT SELECT, RELOAD ON *.* TO 'a'@'%'"], "x"), ["x"]);
  deepEqual(readable([], "x"), []);
});
