//! Our own GStreamer elements, each tested alone with a harness.
