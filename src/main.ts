/** Entry of the executable. */
import { main } from "./cli/process/process.ts";

await main();
