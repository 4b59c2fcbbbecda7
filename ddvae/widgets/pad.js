// A picture with points that are dragged, clicked or moved by arrow keys, and a button that copies a text.
// One question is under way at a time: while the kernel answers, only the latest position waits.

const STEP = 0.01;

// Rounded, so that the copied code makes exactly what is seen.
function clamp(x) {
  return Math.round(1e4 * Math.min(1, Math.max(0, x))) / 1e4;
}

function renderPad({ model, el }) {
  const pad = document.createElement("div");
  pad.className = "ddvae-pad";
  const picture = document.createElement("img");
  picture.draggable = false;
  pad.append(picture);
  const line = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  line.setAttribute("class", "ddvae-line");
  line.setAttribute("viewBox", "0 0 1 1");
  line.setAttribute("preserveAspectRatio", "none");
  if (model.get("line")) pad.append(line);
  el.append(pad);
  let markers = [];
  let latest = null;
  let url = null;

  const show = () => {
    const old = url;
    url = URL.createObjectURL(new Blob([model.get("picture")], { type: "image/png" }));
    picture.src = url;
    picture.alt = model.get("description");
    if (old) URL.revokeObjectURL(old);
  };
  const place = (points) => {
    points.forEach(([u, v], i) => {
      markers[i].style.left = `${100 * u}%`;
      markers[i].style.top = `${100 * (1 - v)}%`;
      const name = model.get("names")[i];
      markers[i].setAttribute("aria-label", `${name}: ${u.toFixed(2)} across, ${v.toFixed(2)} up; arrow keys move it`);
    });
    if (points.length < 2) return;
    const [[a, b], [c, d]] = points;
    line.innerHTML = `<path d="M ${a} ${1 - b} L ${c} ${1 - d}" vector-effect="non-scaling-stroke" />`;
  };
  const ask = () => {
    if (latest === null || model.get("asked") !== model.get("answered")) return;
    model.set("points", latest);
    model.set("asked", model.get("asked") + 1);
    latest = null;
    model.save_changes();
  };
  const move = (i, u, v) => {
    const points = (latest ?? model.get("points")).map((p) => [...p]);
    points[i] = [clamp(u), clamp(v)];
    latest = points;
    place(points);
    ask();
  };
  const at = (event) => {
    const frame = pad.getBoundingClientRect();
    return [(event.clientX - frame.left) / frame.width, 1 - (event.clientY - frame.top) / frame.height];
  };
  const nearest = (u, v) => {
    const away = (latest ?? model.get("points")).map(([a, b]) => (a - u) ** 2 + (b - v) ** 2);
    return away.indexOf(Math.min(...away));
  };
  const build = () => {
    markers.forEach((marker) => marker.remove());
    markers = model.get("points").map((_, i) => {
      const marker = document.createElement("button");
      marker.type = "button";
      marker.className = `ddvae-point ddvae-point-${i}`;
      marker.addEventListener("keydown", (event) => {
        const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, -1], ArrowUp: [0, 1] }[event.key];
        if (!way) return;
        event.preventDefault();
        event.stopPropagation();
        const [u, v] = (latest ?? model.get("points"))[i];
        const step = event.shiftKey ? 5 * STEP : STEP;
        move(i, u + step * way[0], v + step * way[1]);
      });
      pad.append(marker);
      return marker;
    });
    place(model.get("points"));
  };

  let held = null;
  pad.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    const [u, v] = at(event);
    held = nearest(u, v);
    pad.setPointerCapture(event.pointerId);
    markers[held].focus();
    move(held, u, v);
    event.preventDefault();
  });
  pad.addEventListener("pointermove", (event) => {
    if (held !== null) move(held, ...at(event));
  });
  const drop = () => {
    held = null;
  };
  pad.addEventListener("pointerup", drop);
  pad.addEventListener("pointercancel", drop);

  model.on("change:picture", show);
  model.on("change:answered", ask);
  model.on("change:points", () => {
    if (model.get("points").length !== markers.length) build();
    else if (held === null) place(latest ?? model.get("points"));
  });
  show();
  build();
  return () => URL.revokeObjectURL(url);
}

function renderCopy({ model, el }) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "ddvae-copy jupyter-button";
  const label = "Copy the code of this view";
  button.textContent = label;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(model.get("text"));
      button.textContent = "Copied";
    } catch {
      button.textContent = model.get("text"); // no clipboard here: the text can be selected
      return;
    }
    setTimeout(() => (button.textContent = label), 1500);
  });
  el.append(button);
}

export default {
  render(context) {
    return context.model.get("kind") === "copy" ? renderCopy(context) : renderPad(context);
  },
};
