/** The store of docs/plugins/onefile.js, as the plugin registers it, against the contract of all stores. */
import { join } from "node:path";
import { StoreRegistry } from "../../../src/store/store_urls.ts";
import { ROOT } from "../../helpers/documents.ts";
import { fakeWorld, seededRandom } from "../../helpers/world.ts";
import { storeConformance } from "../../conformance/store_suite.ts";
import { pluginScene } from "./plugin_scene.ts";

storeConformance("onefile store", {
  async create() {
    const scene = await pluginScene();
    const place = {
      directory: join(ROOT, "docs/plugins"),
      runsTypeScript: true,
      trustedPath: (path: string) => Promise.resolve(path),
    };
    const plugins = await scene.activate(["onefile"], { place });
    const stores = new StoreRegistry();
    plugins.addStores(stores);
    const open = () =>
      stores.open(`onefile:${scene.directory}/folder/repository.db`, {
        clock: fakeWorld().clock,
        random: seededRandom("store"),
      });
    const store = await open();
    await store.create();
    return {
      store,
      reopen: open,
      async dispose() {
        await store.close();
        await scene[Symbol.asyncDispose]();
      },
    };
  },
}, [{ test: "foreign files are passed over", reason: "nobody else can put files into it" }]);
