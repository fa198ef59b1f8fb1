// The clinics' calendar over the list the server has written: what is in the list is in the calendar, and every act of the calendar
// is a link of the list, so that whoever cannot drag has the same. EventCalendar (MIT) draws and drags.
import { createCalendar, Interaction, ResourceTimeGrid, TimeGrid } from "@event-calendar/core";
import { toast } from "./toast.js";

const root = document.getElementById("agenda");
const list = document.getElementById("agenda-list");
const toggle = document.querySelector("[data-agenda-switch]");
const WIDE = matchMedia("(min-width: 64rem)");
const KEPT = "banyi-clinics-list";

function read() {
  const resources = [];
  const events = [];
  const places = [];
  for (const column of list.querySelectorAll("[data-column]")) {
    const doctor = column.dataset.column;
    if (!resources.some((one) => one.id === doctor)) resources.push({ id: doctor, title: column.dataset.title });
    for (const line of column.querySelectorAll("[data-slot]")) {
      const { slot, start, end, taken, state } = line.dataset;
      const book = line.querySelector('a[href*="/book?"]')?.href ?? "";
      places.push({ slot, start, end, doctor, state, book });
      events.push({ id: slot, start, end, resourceIds: [doctor], display: "background", title: state === "blocked" ? "停号" : taken, classNames: [`place-${state}`, `slot-${slot}`] });
      for (const visit of line.querySelectorAll("[data-visit]")) {
        events.push({
          id: visit.dataset.visit,
          start,
          end,
          resourceIds: [doctor],
          title: `${visit.textContent} ${visit.nextElementSibling.textContent}`,
          classNames: [`visit-${visit.dataset.status}`, `visit-${visit.dataset.visit}`],
          startEditable: visit.dataset.movable === "yes",
          durationEditable: false,
          extendedProps: { href: visit.href },
        });
      }
    }
  }
  return { resources, events, places };
}

const local = (date) => {
  const two = (number) => String(number).padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}T${two(date.getHours())}:${two(date.getMinutes())}`;
};
const minutes = (text) => Number(text.slice(11, 13)) * 60 + Number(text.slice(14, 16));
const clock = (total) => `${String(Math.floor(total / 60)).padStart(2, "0")}:${String(total % 60).padStart(2, "0")}:00`;

function draw() {
  const { resources, events, places } = read();
  const week = root.dataset.agenda === "week";
  const step = Math.max(5, Math.min(...places.map((one) => minutes(one.end) - minutes(one.start))));
  const find = (doctor, at) => places.find((one) => one.doctor === doctor && one.start <= at && at < one.end);
  const only = resources[0].id;
  createCalendar(root, [week ? TimeGrid : ResourceTimeGrid, Interaction], {
    view: week ? "timeGridWeek" : "resourceTimeGridDay",
    date: root.dataset.day,
    firstDay: new Date(`${root.dataset.day}T00:00`).getDay(),
    locale: "zh-CN",
    headerToolbar: { start: "", center: "", end: "" },
    allDaySlot: false,
    nowIndicator: false,
    slotDuration: clock(step),
    slotLabelInterval: "00:30:00",
    slotHeight: 26,
    slotMinTime: clock(Math.floor(Math.min(...places.map((one) => minutes(one.start))) / 60) * 60),
    slotMaxTime: clock(Math.ceil(Math.max(...places.map((one) => minutes(one.end))) / 60) * 60),
    slotLabelFormat: { hour: "2-digit", minute: "2-digit", hour12: false },
    scrollTime: root.dataset.now,
    height: "70vh",
    resources,
    events,
    selectable: true,
    editable: true,
    eventDurationEditable: false,
    eventContent: (info) => ({ domNodes: [document.createTextNode(info.event.title)] }),
    eventClick: (info) => info.event.extendedProps.href && location.assign(info.event.extendedProps.href),
    dateClick: (info) => {
      const place = find(info.resource?.id ?? only, local(info.date));
      if (place?.book) location.assign(place.book);
    },
    select: (info) => {
      const doctor = info.resource?.id ?? only;
      // Whole places, though the grid may be finer than this doctor's.
      const start = find(doctor, local(info.start))?.start ?? local(info.start);
      const end = places.find((one) => one.doctor === doctor && one.start < local(info.end) && local(info.end) <= one.end)?.end ?? local(info.end);
      location.assign(`${root.dataset.block}?${new URLSearchParams({ doctor, start, end })}`);
    },
    eventDrop: (info) => {
      const place = find(info.newResource?.id ?? info.event.resourceIds[0] ?? only, local(info.event.start));
      info.revert();
      if (place?.book) location.assign(`/desk/clinics/appointments/${info.event.id}/move?slot=${place.slot}`);
      else toast(root.dataset.full, "warning");
    },
    // The list beside it is what assistive technology reads; a grid whose rows are drawn would only promise what it does not keep.
    viewDidMount: () => requestAnimationFrame(plain),
    eventAllUpdated: () => requestAnimationFrame(plain),
  });
}

function plain() {
  for (const name of ["role", "aria-colindex", "aria-rowindex", "aria-colcount", "aria-rowcount"]) {
    for (const part of root.querySelectorAll(`[${name}]`)) part.removeAttribute(name);
  }
  root.dataset.drawn = "";
}

function choose(asList) {
  root.hidden = asList;
  list.hidden = !asList && WIDE.matches;
  toggle.setAttribute("aria-pressed", String(asList));
}

if (root && list && list.querySelector("[data-slot]")) {
  draw();
  toggle.hidden = false;
  choose(localStorage.getItem(KEPT) === "1");
  toggle.addEventListener("click", () => {
    const asList = toggle.getAttribute("aria-pressed") !== "true";
    localStorage.setItem(KEPT, asList ? "1" : "");
    choose(asList);
  });
  WIDE.addEventListener("change", () => choose(toggle.getAttribute("aria-pressed") === "true"));
}
