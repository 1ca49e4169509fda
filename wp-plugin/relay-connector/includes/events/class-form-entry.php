<?php
/**
 * One entry of a form, as every form plugin gives it.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Events;

defined( 'ABSPATH' ) || exit;

/**
 * Carries an entry from the class that knows a form plugin to the one that notes it down.
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
	 * The number under which the plugin keeps the entry; 0 when it keeps none.
	 *
	 * @var int
	 */
	public $entry_id = 0;

	/**
	 * The address of the page with the form, as far as the plugin knows it.
	 *
	 * @var string
	 */
	public $page_url = '';

	/**
	 * The fields in their order.
	 *
	 * @var Form_Field[]
	 */
	public $fields = array();

	/**
	 * Takes the form and the entry's number.
	 *
	 * @param int|string $form_id  The form's id.
	 * @param string     $title    The form's title.
	 * @param int        $entry_id The entry's number, or 0.
	 */
	public function __construct( $form_id, $title, $entry_id = 0 ) {
		// Not is_numeric(): a name such as 7e10123 would be a very large number to it.
		$this->form_id  = preg_match( '/^(0|[1-9][0-9]{0,17})$/', (string) $form_id ) ? (int) $form_id : substr( sanitize_key( (string) $form_id ), 0, 60 );
		$this->title    = (string) $title;
		$this->entry_id = (int) $entry_id;
	}
}
