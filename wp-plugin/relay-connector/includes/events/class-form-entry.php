<?php
/**
 * One form entry, independent of the form plugin.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Events;

defined( 'ABSPATH' ) || exit;

/**
 * Passes an entry from the class of its form plugin to Leads.
 */
final class Form_Entry {

	/**
	 * The form's id in its plugin.
	 *
	 * @var int|string
	 */
	public $form_id = 0;

	/**
	 * The form's title.
	 *
	 * @var string
	 */
	public $title = '';

	/**
	 * The entry's id in its plugin; 0 if the plugin does not store entries.
	 *
	 * @var int
	 */
	public $entry_id = 0;

	/**
	 * The URL of the page with the form, if the plugin knows it.
	 *
	 * @var string
	 */
	public $page_url = '';

	/**
	 * The fields in the form's order.
	 *
	 * @var Form_Field[]
	 */
	public $fields = array();

	/**
	 * Takes the form and the entry's id.
	 *
	 * @param int|string $form_id  The form's id.
	 * @param string     $title    The form's title.
	 * @param int        $entry_id The entry's id, or 0.
	 */
	public function __construct( $form_id, $title, $entry_id = 0 ) {
		// Not is_numeric(): it accepts "7e10123" as a very large number.
		$this->form_id  = preg_match( '/^(0|[1-9][0-9]{0,17})$/', (string) $form_id ) ? (int) $form_id : substr( sanitize_key( (string) $form_id ), 0, 60 );
		$this->title    = (string) $title;
		$this->entry_id = (int) $entry_id;
	}
}
