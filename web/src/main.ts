/** Starts the client: styles, language, and the screen that the address asks for. */
import { mount } from "svelte";
import "./ui/fonts.css";
import "./ui/tokens.css";
import "./ui/base.css";
import "./ui/look.svelte.ts";
import App from "./App.svelte";

const target = document.getElementById("app");
if (!target) throw new Error("index.html has no #app");
mount(App, { target });
