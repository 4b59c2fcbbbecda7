// A plotly figure that code goes on changing. The library comes with the model and is read when the first
// figure is shown, not as this module is: anywidget drops all messages to a model whose module takes more
// than two seconds to load.

function library(model) {
  globalThis.ddvaePlotly ??= new Promise((resolve, reject) => {
    const module = { exports: {} };
    const source = new TextDecoder().decode(model.get("library"));
    new Function("module", "exports", source)(module, module.exports);
    resolve(module.exports);
  });
  return globalThis.ddvaePlotly;
}

async function render({ model, el }) {
  const Plotly = await library(model);
  const plot = document.createElement("div");
  el.append(plot);
  const draw = () => {
    const { data, layout } = structuredClone(model.get("figure"));
    return Plotly.react(plot, data, layout);
  };
  await draw();
  plot.on("plotly_hover", ({ points }) => {
    if (points[0].customdata === undefined) return;
    model.set("hovered", points[0].customdata);
    model.save_changes();
  });
  model.on("change:figure", draw);
  return () => Plotly.purge(plot);
}

export default { render };
