"""What a reply means for a delivery, by HTTP status or by documented error, and advice for a person."""
