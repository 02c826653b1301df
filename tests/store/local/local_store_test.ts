/** The local store against the contract of all stores. */
import { storeConformance } from "../../conformance/store_suite.ts";
import { DISK_FOLDER, localFixture, withoutHardLinks } from "../local_fixture.ts";

storeConformance("local store", { create: () => localFixture({}, { parent: DISK_FOLDER }) });

storeConformance("local store without hard links", { create: () => localFixture(withoutHardLinks) }, [
  {
    test: "a file of 64 MiB comes back whole, or is given up in the middle",
    reason: "hard links do not concern content",
  },
]);
