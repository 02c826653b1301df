/** The line that monitors show: text, then numbers as the guidelines for plugins of Nagios have them. */
import { strict as assert } from "node:assert";
import { fc, property } from "../helpers/property.ts";
import { monitorLine } from "../../src/cli/status_monitor.ts";
import type { StatusReport } from "../../src/ops/status.ts";
