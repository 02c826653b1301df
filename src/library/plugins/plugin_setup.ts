/** What a configuration says of plugins: which are enabled, where they are, and what they see. */
import { ownConfigurationFolder } from "../../config/find_configuration.ts";
import type { Selection } from "../../config/selection.ts";
import type { TrustedOwner } from "../../config/trusted_file.ts";
import type { PluginsOptions } from "./plugins.ts";

/** Which plugins are enabled, where they are, and what they see of the configuration. */
export type PluginSetup = Pick<PluginsOptions, "place" | "enabled" | "conf" | "settings">;

/** What it depends on besides the configuration. */
interface SetupMachine extends TrustedOwner {
  readonly env: (name: string) => string | undefined;
  /** The form of this program, as `versionInfo` tells it. */
  readonly form: string;
}

/** The plugins of a configuration; none without one. What checks their files is loaded only if there are any. */
export function pluginSetup(selection: Selection | undefined, { env, form, uid }: SetupMachine): PluginSetup {
  const { directory, enabled, settings } = selection?.plugins ?? { directory: null, enabled: [], settings: {} };
  const own = ownConfigurationFolder({ env });
  return {
    place: {
      directory: directory ?? (own === undefined ? null : `${own}/plugins`),
      runsTypeScript: form === "source",
      async trustedPath(path, kind) {
        const { trustedPath } = await import("../../config/trusted_file.ts");
        return await trustedPath(path, { what: kind === "file" ? "plugin" : "directory of plugins", kind }, { uid });
      },
    },
    enabled,
    conf: selection?.conf ?? {},
    settings,
  };
}
