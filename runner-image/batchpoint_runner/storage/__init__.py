"""Where bytes live: one Protocol, its forms in memory and over obstore, and how URIs name places."""
