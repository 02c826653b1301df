/** Entry of the executable. */
import { main } from "./cli/process/run_process.ts";

await main();
