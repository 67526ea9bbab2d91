"""Raw messages read anew: what would be said differently today, and how it is put right."""
