/** The engine tar against the contract of all engines. */
import { engineConformance } from "../../conformance/engine_suite.ts";
import { programTest } from "../../helpers/programs.ts";
import { TarFixture } from "./tar_fixture.ts";

engineConformance("tar", {
  register: (name, fn) => programTest({ name, needs: ["tar", "rsync", "bash", "find"], fn }),
  create: () => TarFixture.create(),
});
