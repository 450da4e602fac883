//! The part of the room's task by which people make mixes of their own and change them while they run.

use super::actor::Actor;
use super::error::MixesError;
use super::mixes::{Change, Definition, Described};
use crate::id::MixName;

impl Actor {
    /// All mixes, whether they run or not.
    pub(super) fn describe_mixes(&self) -> Vec<Described> {
        self.mixing.known.all().map(|(name, definition)| self.describe(name, definition)).collect()
    }

    fn describe(&self, name: &MixName, definition: &Definition) -> Described {
        let running = self.mixing.runs_as(name);
        Described::new(name, definition, running, &self.context.config.mix)
    }

    /// Makes a mix, which runs once something takes it.
    pub(super) fn make_mix(&mut self, name: MixName, change: Change) -> Result<Described, MixesError> {
        let definition = change.of(&Definition::default())?;
        definition.check(&self.context.config.mix)?;
        self.mixing.known.make(name.clone(), definition.clone())?;
        tracing::info!(mix = %name, "a mix was made");
        Ok(self.describe(&name, &definition))
    }

    /// Changes a mix, at once if it runs.
    pub(super) fn change_mix(&mut self, name: &MixName, change: Change) -> Result<Described, MixesError> {
        let now = self.mixing.known.made(name)?;
        if change.name.as_ref().is_some_and(|said| said != name) {
            let message = "a mix keeps its name: leave name out, or make another mix".to_owned();
            return Err(MixesError::Refused { field: "name".to_owned(), message });
        }
        let then = change.of(now)?;
        then.check(&self.context.config.mix)?;
        if self.mixing.is_used(name)
            && let Some(field) = now.fixed(&then)
        {
            return Err(MixesError::Fixed(field));
        }
        self.mixing.known.change(name, then.clone());
        self.mixing.rearrange(name, &then, &self.assets());
        Ok(self.describe(name, &then))
    }

    /// Forgets a mix that nothing takes.
    pub(super) fn forget_mix(&mut self, name: &MixName) -> Result<(), MixesError> {
        self.mixing.known.made(name)?;
        if name.is_default() {
            return Err(MixesError::Default);
        }
        if self.mixing.is_used(name) || self.takes(name) {
            return Err(MixesError::InUse(name.clone()));
        }
        self.mixing.known.forget(name);
        tracing::info!(mix = %name, "a mix was forgotten");
        Ok(())
    }
}
