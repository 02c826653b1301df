/** The memory store against the contract of all stores. */
import { openMemoryStore } from "../../src/store/memory_store.ts";
import { storeConformance } from "../conformance/store_suite.ts";

storeConformance("memory store", {
  create() {
    const store = openMemoryStore();
    return Promise.resolve({ store, dispose: () => store.close() });
  },
}, [
  { test: "what one store put another one on the same files finds", reason: "its files are its own" },
  { test: "foreign files are passed over", reason: "nobody else can put files into it" },
]);
