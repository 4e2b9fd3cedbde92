// Stands between onnxruntime-web and the Emscripten module that it loads, so that hooks can be set
// which onnxruntime-web does not offer: an already compiled WebAssembly.Module, and where printed
// lines go. The build puts the name of the real module in.
import factory from './ORT_MODULE.mjs';

export default function create(config) {
  const hooks = globalThis[Symbol.for('webpool.ort')];
  return new Promise((resolve, reject) => {
    const options = {
      ...config,
      print: hooks.print,
      printErr: hooks.print,
      instantiateWasm(imports, done) {
        hooks.memory = Object.values(imports)
          .flatMap((module) => Object.values(module))
          .find((value) => value instanceof WebAssembly.Memory);
        hooks.module
          .then((module) => WebAssembly.instantiate(module, imports).then((it) => done(it, module)))
          .catch(reject); // Emscripten itself would wait for ever.
        return {};
      },
    };
    factory(options).then(resolve, reject);
  });
}
