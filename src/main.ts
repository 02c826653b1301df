/** Entry of the executable. */
import { main } from "./cli/process/entry.ts";

await main();
